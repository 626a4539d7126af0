"""What operators do: each act once, for the command and for the console's form that do it."""
