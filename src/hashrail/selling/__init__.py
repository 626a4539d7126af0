"""What partners sell: catalogue, capacity, miners, orders, upgrades, miner transfers, billing, statements."""
