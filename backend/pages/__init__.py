"""What a browser opens: the badge page and other server-rendered pages, and small clients of the public API."""
