"""What is on offer: offers, venues and places as data, checked, loaded and kept at hand."""
