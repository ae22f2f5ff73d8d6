"""From a query to ranked items: candidates of every leg, exact scores, calibrated fusion."""
