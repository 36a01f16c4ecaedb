// SPDX-License-Identifier: Apache-2.0

// What ordinary Go programs use: goroutines and channels, HTTP over loopback, signals, timers, preemption of a loop that
// makes no call, a nil pointer, files, the collector.
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"syscall"
	"time"
)

func goroutines() {
	var all sync.WaitGroup
	results := make(chan int, 10)
	for i := 0; i < 50; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			s := 0
			for k := 0; k < 20000; k++ {
				s = (s + k*i) % 1000003
			}
			results <- s
		}(i)
	}
	go func() { all.Wait(); close(results) }()
	sums := []int{}
	for s := range results {
		sums = append(sums, s)
	}
	sort.Ints(sums)
	fmt.Println(len(sums), sums[0], sums[49])
}

func web() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	answer := func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "hello %s", r.URL.Path) }
	go (&http.Server{Handler: http.HandlerFunc(answer)}).Serve(listener)
	var all sync.WaitGroup
	answers := make([]string, 20)
	for i := range answers {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			r, err := http.Get(fmt.Sprintf("http://%s/%d", listener.Addr(), i))
			if err != nil {
				answers[i] = err.Error()
				return
			}
			defer r.Body.Close()
			text, _ := io.ReadAll(r.Body)
			answers[i] = string(text)
		}(i)
	}
	all.Wait()
	fmt.Println(answers)
}

func signals() {
	came := make(chan os.Signal, 1)
	signal.Notify(came, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-came)
}

func times() {
	ticker := time.NewTicker(5 * time.Millisecond)
	for i := 0; i < 5; i++ {
		<-ticker.C
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	<-ctx.Done()
	fmt.Println(ctx.Err())
}

func fault() {
	defer func() { fmt.Println("recovered:", recover()) }()
	var p *int
	fmt.Println(*p)
}

func files() {
	directory, _ := os.MkdirTemp("", "web-")
	defer os.RemoveAll(directory)
	name := filepath.Join(directory, "f")
	fmt.Println(os.WriteFile(name, []byte("data"), 0600))
	text, err := os.ReadFile(name)
	fmt.Println(string(text), err)
}

// A goroutine that makes no call gives way, too.
func preemption() {
	runtime.GOMAXPROCS(1)
	go func() {
		for n := 0; ; n++ {
		}
	}()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("preempted")
}

func main() {
	goroutines()
	web()
	signals()
	times()
	fault()
	files()
	for i := 0; i < 50; i++ {
		_ = make([]byte, 1<<20)
	}
	runtime.GC()
	preemption()
	os.Exit(5)
}
