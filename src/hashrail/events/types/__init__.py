"""The types of events, a module for each kind of object; partners read the fields in camelCase, amounts exact."""
