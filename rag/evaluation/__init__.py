"""How well the right photos are found: data sets with known answers, exact rankings, measures."""
