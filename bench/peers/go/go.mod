module hapax-bench-go

go 1.24
