"""What the portal says after a form has led to a page."""

DONE = {
    "asked": "It is noted, and waits for another owner.",
    "changed": "It is changed.",
    "ended": "The session has ended.",
    "password": "You have another password.",
}
