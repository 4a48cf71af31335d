; The language, tested in itself. Prints each test that fails, then how many passed; an error ends it.

(define passed 0)
(define failed 0)

(define (equal a b)
  (if (and (pair? a) (pair? b))
      (and (equal (car a) (car b)) (equal (cdr a) (cdr b)))
      (eq a b)))

(define (test name value wanted)
  (if (equal value wanted)
      (set! passed (+ passed 1))
      (begin
        (display "not ok: " name ": " value " instead of " wanted)
        (set! failed (+ failed 1)))))

; ---- What it is built of ----

(test "integers" (+ 1 (* 2 3) (- 10 4 3) (/ 7 2)) 13)
(test "a negative integer" (- 5) -5)
(test "comparison" (list (< 1 2 3) (< 1 3 2) (= 4 4) (= 4 5)) '(t nil t nil))
(test "quote" '(a . (b (c . d))) (cons 'a (cons 'b (cons (cons 'c 'd) nil))))
(test "an empty list" () nil)
(test "kinds" (list (symbol? 'a) (symbol? "a") (string? "a") (integer? 3) (pair? nil)) '(t nil t t nil))
(test "if" (list (if t 1 2) (if nil 1 2) (if nil 1)) '(1 2 nil))
(test "and, or" (list (and) (and 1 2) (and nil 2) (or) (or nil 3)) '(t 2 nil nil 3))
(test "let" (let ((a 1) (b 2)) (+ a b)) 3)
(test "begin" (begin 1 2 3) 3)

; ---- Symbols are one object each ----

(test "eq of symbols" (eq 'alpha (string->symbol "alpha")) t)
(test "eq of strings" (eq "beta" "beta") t)
(test "a symbol is no string" (eq 'alpha "alpha") nil)
(test "eq of pairs" (eq (list 1) (list 1)) nil)
(test "there and back" (symbol->string (string->symbol "gamma delta")) "gamma delta")

; ---- Scope and calls ----

(define (counter)
  (let ((n 0))
    (lambda () (begin (set! n (+ n 1)) n))))
(define one (counter))
(define other (counter))
(test "closures have a scope each" (list (one) (one) (other) (one)) '(1 2 1 3))

(define (count-down n) (if (= n 0) 'done (count-down (- n 1))))
(test "a tail call needs no stack" (count-down 100000) 'done)

(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
(test "recursion" (fib 15) 610)

(define (map f list) (if (null? list) nil (cons (f (car list)) (map f (cdr list)))))
(define (reverse list)
  (let ((done nil))
    (begin
      (while list (set! done (cons (car list) done)) (set! list (cdr list)))
      done)))
(test "map" (map (lambda (n) (* n n)) '(1 2 3 4)) '(1 4 9 16))
(test "while" (reverse '(a b c)) '(c b a))

; ---- Properties ----

(put 'apple 'colour 'red)
(put 'apple 'size 3)
(put 'apple 'colour 'green)
(test "properties of a symbol" (list (get 'apple 'colour) (get 'apple 'size) (get 'apple 'taste)) '(green 3 nil))
(define here '(1 2 3))
(put here 'line 12)
(test "properties of a pair" (get here 'line) 12)
(test "an equal pair has none" (get '(1 2 3) 'line) nil)

; What is put on pairs that nobody holds goes with them; what is held stays.
(define n 0)
(while (< n 20000)
  (put (list n) 'number n)
  (set! n (+ n 1)))
(collect)
(test "properties outlive a collection" (list (get 'apple 'colour) (get here 'line)) '(green 12))
(test "symbols do, too" (eq 'apple (string->symbol "apple")) t)

; ---- A program: symbolic differentiation ----

(define (derive e x)
  (if (integer? e) 0
  (if (symbol? e) (if (eq e x) 1 0)
  (if (eq (car e) 'sum) (list 'sum (derive (car (cdr e)) x) (derive (car (cdr (cdr e))) x))
  (if (eq (car e) 'product)
      (let ((a (car (cdr e))) (b (car (cdr (cdr e)))))
        (list 'sum (list 'product (derive a x) b) (list 'product a (derive b x))))
      (error "no such operation"))))))
(test "a derivative" (derive '(sum (product x x) 3) 'x) '(sum (sum (product 1 x) (product x 1)) 0))

(display passed " passed, " failed " failed")
(if (< 0 failed) (error "tests failed"))
