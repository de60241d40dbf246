module turnout

go 1.26
