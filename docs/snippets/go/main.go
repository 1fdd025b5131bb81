package main

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log"
	"net/http"
	"os"
)

// withInstanceID says on every answer which instance gave it. This function is all that a service needs.
func withInstanceID(next http.Handler) http.Handler {
	id := os.Getenv("INSTANCE_ID")
	if id == "" {
		random := make([]byte, 4)
		if _, err := rand.Read(random); err != nil {
			log.Fatal(err)
		}
		id = hex.EncodeToString(random)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("x-instance-id", id)
		next.ServeHTTP(w, r)
	})
}

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "hello") })
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe(os.Getenv("HOST")+":"+port, withInstanceID(mux)))
}
