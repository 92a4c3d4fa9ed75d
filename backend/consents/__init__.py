"""What a person agreed to, and who has looked at them."""
