"""Texts of which only some are right: the patterns of query parameters, and what each says in words."""

# Python's $ also stands before a newline at the end, so each says that none may follow.
LIMIT = r"^(0{0,2}[1-9]|0?[1-9][0-9]|[1-9][0-9]{2})$(?!\n)"
LIMIT_OF_100 = r"^(0{0,2}[1-9]|0?[1-9][0-9]|100)$(?!\n)"
OFFSET = r"^[0-9]{1,5}$(?!\n)"
FLAG = r"^(true|false)$(?!\n)"
DIGITS = r"^[0-9]+$(?!\n)"
# A whole number may be written 1.0 or 1e3; what has a fraction is refused where it is read.
ID = r"^[0-9]{1,16}(\.[0-9]{1,16})?([eE]\+?[0-9]{1,2})?$(?!\n)"
WINDOW = r"^0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|60000)$(?!\n)"
WAIT = r"^0?([0-9]|1[0-9]|2[0-5])$(?!\n)"
QUANTITY = r"^[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$(?!\n)"

WORDS = {
    LIMIT: "1 to 999",
    LIMIT_OF_100: "1 to 100",
    OFFSET: "a whole number, 0 to 99999",
    FLAG: "true or false",
    DIGITS: "a whole number",
    ID: "a whole number of at most 16 digits",
    WINDOW: "a whole number of milliseconds, 1 to 60000",
    WAIT: "a whole number of seconds, 0 to 25",
    QUANTITY: "a number that is not negative",
}
