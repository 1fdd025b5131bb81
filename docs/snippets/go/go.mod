module example.com/instanceid

go 1.19
