// SPDX-License-Identifier: Apache-2.0

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** Answers each line with its own name: by a ServerSocket, or by NIO with a selector; not on the first thread. */
public class Server {
  static void serveSockets(String name, int port) throws IOException {
    try (ServerSocket server = new ServerSocket(port)) {
      while (true) {
        try (Socket client = server.accept()) {
          InputStream in = client.getInputStream();
          for (int c = in.read(); c >= 0 && c != '\n'; ) c = in.read();
          OutputStream out = client.getOutputStream();
          out.write((name + "\n").getBytes());
        }
      }
    }
  }

  static void serveChannels(String name, int port) throws IOException {
    Selector selector = Selector.open();
    ServerSocketChannel server = ServerSocketChannel.open();
    server.bind(new InetSocketAddress(port));
    server.configureBlocking(false);
    server.register(selector, SelectionKey.OP_ACCEPT);
    while (true) {
      selector.select();
      for (SelectionKey key : selector.selectedKeys()) {
        if (key.isAcceptable()) {
          SocketChannel client = server.accept();
          if (client == null) continue;
          client.configureBlocking(false);
          client.register(selector, SelectionKey.OP_READ);
        } else {
          SocketChannel client = (SocketChannel) key.channel();
          ByteBuffer line = ByteBuffer.allocate(1024);
          int size = client.read(line);
          if (size == 0) continue;
          if (size > 0) client.write(ByteBuffer.wrap((name + "\n").getBytes()));
          client.close();
        }
      }
      selector.selectedKeys().clear();
    }
  }

  public static void main(String[] arguments) throws Exception {
    String name = arguments[1];
    int port = Integer.parseInt(arguments[2]);
    Thread server = new Thread(() -> {
      try {
        if (arguments[0].equals("nio")) {
          serveChannels(name, port);
        } else {
          serveSockets(name, port);
        }
      } catch (IOException error) {
        error.printStackTrace();
        System.exit(1);
      }
    });
    server.start();
    server.join();
  }
}
