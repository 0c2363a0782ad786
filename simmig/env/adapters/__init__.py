"""The market in the forms that other learning libraries expect; each module needs the library it is named after."""
