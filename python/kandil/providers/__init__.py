"""What providers say on the wire, without a socket: a `Request` becomes a `Call`, and bytes become events."""
