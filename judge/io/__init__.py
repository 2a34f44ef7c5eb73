"""Everything that touches files, network, clock or terminal."""
