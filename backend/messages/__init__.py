"""Being told: an inbox, and WeChat's subscribe messages where somebody agreed to them."""
