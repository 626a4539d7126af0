"""What happened, told to partners: a feed each, and the webhooks that deliver it."""
