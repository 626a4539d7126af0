"""An open deployment: what every process and command of it holds."""
