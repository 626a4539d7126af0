"""The parties: partners, their users, the operators."""
