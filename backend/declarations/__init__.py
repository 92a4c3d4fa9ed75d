"""What residents and merchants say of themselves: it counts once a department or the office has confirmed it."""
