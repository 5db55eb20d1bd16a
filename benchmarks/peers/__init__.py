"""The same jobs as a user would write them with other libraries; each runs as a process of its own."""
