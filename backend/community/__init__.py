"""Communities: the covenant that neighbours sign, what they do for each other, and the points that workers grant."""
