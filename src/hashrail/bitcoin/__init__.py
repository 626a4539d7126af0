"""Bitcoin as the rest sees it: addresses, a node, its chain or a simulated one, signing, coin selection."""
