"""Business processes composed of tasks."""
