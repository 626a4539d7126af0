"""The partner's portal: pages on which a partner's own people look after keys, users, money and their team."""
