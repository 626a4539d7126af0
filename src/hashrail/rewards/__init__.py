"""What miners earn: formula, rates, rate classes, discounts, stints, closing days, settling, income records."""
