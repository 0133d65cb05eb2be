# SPDX-License-Identifier: Apache-2.0
"""servers: how each real program is set up to answer "who" with its own name on one port of every address.

A function returns the command line to run in the rootfs; what it writes there lies under /srv/NAME.
"""

import host

CERTAIN_USER = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"]


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
  persist_config off
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
    """The key "who", which the test has set, or the name of the server that answers at all."""
    with host.connect(address, port, place) as stream:
        stream.sendall(b"GET who\r\n")
        answer = stream.makefile("rb")
        length = int(answer.readline().decode().removeprefix("$"))
        return answer.read(length).decode() if length >= 0 else ""


def memcached(name, port):
    return ["memcached", "-u", "memcache", "-p", port, "-U", port, "-t", 2]


def ask_memcached(address, port, place="host"):
    with host.connect(address, port, place) as stream:
        stream.sendall(b"get who\r\n")
        answer = stream.makefile("rb")
        return answer.readline().decode().strip() if answer.readline() != b"" else ""
