"""``python -m backend.setup``."""

from backend.setup.command import setup_command

if __name__ == "__main__":
    setup_command(prog_name="python -m backend.setup")
