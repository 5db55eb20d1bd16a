"""Systems that learn scenes from photographs."""
