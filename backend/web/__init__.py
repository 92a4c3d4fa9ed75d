"""The edge: HTTP in, problems out, who is asking and what they may."""
