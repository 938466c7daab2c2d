"""The pictures of docs/tour.md: walks through the running demo, each with a camera."""
