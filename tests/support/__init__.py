"""What the tests share: servers, databases of their own, calls, clocks and races."""
