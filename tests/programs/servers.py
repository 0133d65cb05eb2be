# SPDX-License-Identifier: Apache-2.0
"""servers: how each real program is set up to answer "who" with its own name on one port of every address.

A function returns the command line to run in the rootfs; what it writes there lies under /srv/NAME.
"""

import pathlib

import host

HERE = pathlib.Path(__file__).resolve().parent


def python(name, port):
    """Python's http.server, which asks for 0.0.0.0 and :: in one dual-stack socket."""
    host.write(f"/srv/{name}/who", name)
    return ["python3", "-u", "-m", "http.server", port, "--bind", "::", "--directory", f"/srv/{name}"]


ASYNCIO = """
import asyncio, sys

async def serve(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    name = sys.argv[1].encode()
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s" % (len(name), name))
    await writer.drain()
    writer.close()

async def main():
    # Without an address asyncio opens one socket for each family.
    server = await asyncio.start_server(serve, None, int(sys.argv[2]))
    print("serving", [s.getsockname()[:2] for s in server.sockets], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def asyncio(name, port):
    return ["python3", "-u", host.write(f"/srv/{name}/server.py", ASYNCIO), name, port]


def nginx(name, port, listen=None, workers=2, location=None, daemon="off"):
    listen = listen or f"listen {port} reuseport; listen [::]:{port} reuseport;"
    location = location or f'location = /who {{ return 200 "{name}"; }}'
    host.write(f"/srv/{name}/nginx.conf", f"""
worker_processes {workers};
daemon {daemon};
pid /srv/{name}/pid;
error_log stderr notice;
events {{ worker_connections 128; }}
http {{
  access_log off;
  server {{ {listen} {location} }}
}}
""")
    return ["nginx", "-c", f"/srv/{name}/nginx.conf"]


def haproxy(name, port):
    host.write(f"/srv/{name}/haproxy.cfg", f"""
global
  maxconn 100
  stats socket /srv/{name}/admin mode 600 level admin expose-fd listeners
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend public
  bind :{port}
  bind :::{port} v6only
  http-request return status 200 content-type text/plain string {name}
""")
    return ["haproxy", "-W", "-db", "-f", f"/srv/{name}/haproxy.cfg"]


def apache(name, port, mpm):
    host.write(f"/srv/{name}/www/who", name)
    host.write(f"/srv/{name}/apache.conf", f"""
ServerRoot /srv/{name}
ServerName localhost
PidFile /srv/{name}/pid
ErrorLog /dev/stderr
Listen {port}
LoadModule mpm_{mpm}_module /usr/lib/apache2/modules/mod_mpm_{mpm}.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
User www-data
Group www-data
DocumentRoot /srv/{name}/www
StartServers 2
""")
    return ["apache2", "-DFOREGROUND", "-f", f"/srv/{name}/apache.conf"]


def caddy(name, port):
    host.write(f"/srv/{name}/Caddyfile", f"""
{{
  auto_https off
}}
http://:{port} {{
  respond /who {name}
}}
""")
    return ["env", f"HOME=/srv/{name}", "caddy", "run", "--config", f"/srv/{name}/Caddyfile"]


def redis(name, port):
    host.write(f"/srv/{name}/redis.conf", f"""
port {port}
bind * -::*
protected-mode no
dir /srv/{name}
save ""
""")
    return ["redis-server", f"/srv/{name}/redis.conf"]


def ask_redis(address, port, place="host"):
    with host.connect(address, port, place) as stream:
        stream.sendall(b"GET who\r\n")
        answer = stream.makefile("rb")
        answer.readline()
        return answer.readline().decode().strip()


def tell_redis(address, port, name):
    with host.connect(address, port) as stream:
        stream.sendall(f"SET who {name}\r\n".encode())
        return stream.makefile("rb").readline() == b"+OK\r\n"


def memcached(name, port):
    del name
    return ["memcached", "-u", "memcache", "-p", port, "-U", port, "-t", 2]


def ask_memcached(address, port, place="host"):
    with host.connect(address, port, place) as stream:
        stream.sendall(b"get who\r\n")
        answer = stream.makefile("rb")
        answer.readline()
        return answer.readline().decode().strip()


def ask_memcached_udp(address, port, place="host"):
    """A frame has 8 bytes in front: request id, number, count, reserved (doc/protocol.txt)."""
    answer = host.ask_udp(address, port, place, b"\x00\x01\x00\x00\x00\x01\x00\x00get who\r\n")
    return answer[8:].decode().splitlines()[1]


def tell_memcached(address, port, name):
    with host.connect(address, port) as stream:
        stream.sendall(f"set who 0 0 {len(name)}\r\n{name}\r\n".encode())
        return stream.makefile("rb").readline() == b"STORED\r\n"


NODE = """
const http = require("http"), cluster = require("cluster");
const [name, port, workers] = [process.argv[2], +process.argv[3], +process.argv[4]];
if (workers > 0 && cluster.isPrimary) {
  for (let i = 0; i < workers; i++) cluster.fork();
  process.on("SIGTERM", () => { for (const id in cluster.workers) cluster.workers[id].kill(); cluster.disconnect(); });
} else {
  const server = http.createServer((request, answer) => { answer.end(name); });
  server.listen(port);  // without an address: one dual-stack socket
  process.on("SIGTERM", () => process.exit(0));
}
"""


def node(name, port, workers=0):
    return ["node", host.write(f"/srv/{name}/server.js", NODE), name, port, workers]


def go(name, port):
    """A static program, compiled here."""
    source = host.write("/srv/go/server.go", (HERE / "server.go").read_text())
    if not (host.ROOT / "srv/go/server").exists():
        host.in_root("env", "HOME=/srv/go", "CGO_ENABLED=0", "GO111MODULE=off", "go", "build", "-o", "/srv/go/server",
                     source, timeout=240)
    return ["/srv/go/server", name, port]


def java(name, port, kind):
    source = host.write("/srv/java/Server.java", (HERE / "Server.java").read_text())
    if not (host.ROOT / "srv/java/Server.class").exists():
        host.in_root("javac", "-d", "/srv/java", source, timeout=120)
    return ["java", "-Xshare:auto", "-cp", "/srv/java", "Server", kind, name, port]


POSTGRES = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]


def postgresql(name, port):
    directory = host.ROOT / "srv" / name
    directory.mkdir(parents=True, exist_ok=True)
    host.in_root("chown", "postgres:", f"/srv/{name}")
    (host.ROOT / "run/postgresql").mkdir(exist_ok=True)
    host.in_root("chown", "postgres:", "/run/postgresql")
    programs = "/usr/lib/postgresql/15/bin"
    host.in_root(*POSTGRES, f"{programs}/initdb", "--no-sync", "--auth-local=peer", "--auth-host=trust", "--pgdata",
                 f"/srv/{name}/data", timeout=120)
    with open(directory / "data/pg_hba.conf", "a", encoding="ascii") as rules:
        rules.write("host all all all trust\n")
    return [*POSTGRES, f"{programs}/postgres", "-D", f"/srv/{name}/data", "-p", port, "-c", "listen_addresses=*",
            "-c", "unix_socket_directories=/run/postgresql", "-c", "fsync=off", "-c", f"cluster_name={name}"]


def ask_postgresql(address, port, place="host", user="postgres"):
    return host.in_root("psql", "-XAtw", "-h", address, "-p", port, "-U", user, "-c", "show cluster_name", "postgres",
                        place=place).strip()


def sshd(name, port):
    directory = host.ROOT / "srv" / name
    directory.mkdir(parents=True)
    (host.ROOT / "run/sshd").mkdir(exist_ok=True)
    for key in ("host_key", "user_key"):
        host.in_root("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"/srv/{name}/{key}")
    host.write(f"/srv/{name}/authorized_keys", (directory / "user_key.pub").read_text(), mode=0o600)
    host.write(f"/srv/{name}/config", f"""
Port {port}
HostKey /srv/{name}/host_key
AuthorizedKeysFile /srv/{name}/authorized_keys
PidFile /srv/{name}/pid
PermitRootLogin prohibit-password
UsePAM no
SetEnv WHO={name}
""")
    return ["/usr/sbin/sshd", "-D", "-e", "-f", f"/srv/{name}/config"]


def ask_sshd(name):
    """A login with a key that runs a command."""
    def ask(address, port, place="host"):
        return host.in_root("ssh", "-q", "-F", "none", "-i", f"/srv/{name}/user_key", "-o", "BatchMode=yes",
                            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-p", port,
                            f"root@{address}", "echo $WHO", place=place).strip()
    return ask


def dnsmasq(name, port, upstream, options=()):
    forward = [f"--server={upstream}"] if upstream else []
    return ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--log-facility=-",
            "--user=root", "--pid-file", f"--port={port}", f"--txt-record=who.test,{name}", *forward, *options]


def unbound(name, port, upstream, upstream_port, more=""):
    host.write(f"/srv/{name}/unbound.conf", f"""
server:
  interface: 0.0.0.0
  interface: ::0
  port: {port}
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  do-daemonize: no
  do-not-query-localhost: no
  chroot: ""
  directory: /srv/{name}
  pidfile: ""
  use-syslog: no
  logfile: ""
  username: ""
  module-config: "iterator"
  {more}
  local-zone: "test." static
  local-data: 'who.test. TXT "{name}"'
forward-zone:
  name: "."
  forward-addr: {upstream}@{upstream_port}
remote-control:
  control-enable: no
""")
    return ["unbound", "-d", "-c", f"/srv/{name}/unbound.conf"]


def ask_dns(transport, question="who.test", kind="TXT"):
    def ask(address, port, place="host"):
        return host.in_root("dig", "+short", "+tries=1", f"+time={host.ANSWER_SECONDS}",
                            "+tcp" if transport == "tcp" else "+notcp", "-p", port, f"@{address}", question, kind,
                            place=place).strip().strip('"')
    return ask
