"""Where stations connect: sockets, handshakes, and the way from a frame to its durable answer."""
