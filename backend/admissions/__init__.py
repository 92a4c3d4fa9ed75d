"""The door of a venue: codes judged and admitted, with the network up or down."""
