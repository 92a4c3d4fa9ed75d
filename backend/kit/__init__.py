"""What every room needs and no room owns. Nothing in here knows Flask."""
