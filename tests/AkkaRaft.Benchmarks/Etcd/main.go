// Command etcd-load drives etcd by its own Go client, clientv3. It reads requests as JSON, one a line, from standard input,
// answers each by one line on standard output, and ends with its input.
//
//	{"command":"load","load":{"operation":"put","callers":64,"seconds":3,"keys":10000,"valueBytes":100}}
//	{"command":"leader"}                answers which member leads
//	{"command":"await","member":2}      answers once this member alone has given a linearizable read
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/etcd/clientv3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

const (
	patience      = 60 * time.Second
	statusTimeout = time.Second
	retryPause    = 5 * time.Millisecond

	// One connection is the client's default, and the fastest up to so many callers; 1 024 get half as many answers again over four.
	callersPerConnection = 256
)

type request struct {
	Command string
	Member  int
	Load    spec
}

// cluster is etcd's members, and clients that stay connected from one load to the next.
type cluster struct {
	endpoints []string
	all       *clientv3.Client     // knows every member, as an application's client does
	single    [][]*clientv3.Client // by member, made as they are needed
}

func main() {
	endpoints := flag.String("endpoints", "", "client addresses of all members, as 127.0.0.1:2379,...")
	flag.Parse()

	c, err := connect(strings.Split(*endpoints, ","))
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd-load:", err)
		os.Exit(1)
	}
	answers := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		answer, err := c.carryOut(lines.Bytes())
		if err != nil {
			answer = map[string]string{"error": err.Error()}
		}
		if err := answers.Encode(answer); err != nil {
			fmt.Fprintln(os.Stderr, "etcd-load:", err)
			os.Exit(1)
		}
	}
}

func connect(endpoints []string) (*cluster, error) {
	all, err := clientv3.New(clientv3.Config{Endpoints: endpoints})
	if err != nil {
		return nil, err
	}
	return &cluster{endpoints: endpoints, all: all, single: make([][]*clientv3.Client, len(endpoints))}, nil
}

// connections gives that many clients of one member, each with a connection of its own.
func (c *cluster) connections(member, count int) ([]*clientv3.Client, error) {
	for len(c.single[member]) < count {
		client, err := c.connectTo(member)
		if err != nil {
			return nil, err
		}
		c.single[member] = append(c.single[member], client)
	}
	return c.single[member][:count], nil
}

// connectTo gives a client of one member that tries again at once: by default it waits a second and more after a refusal.
func (c *cluster) connectTo(member int) (*clientv3.Client, error) {
	atOnce := grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: 10 * time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond}, MinConnectTimeout: time.Second}
	return clientv3.New(clientv3.Config{Endpoints: []string{c.endpoints[member]}, DialOptions: []grpc.DialOption{grpc.WithConnectParams(atOnce)}})
}

func (c *cluster) carryOut(line []byte) (interface{}, error) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return nil, err
	}
	switch r.Command {
	case "load":
		if r.Load.LosesLeader {
			return r.Load.run([]*clientv3.Client{c.all})
		}
		// Straight to the leader, which saves etcd a hop.
		leader, err := c.leader()
		if err != nil {
			return nil, err
		}
		clients, err := c.connections(leader, 1+(r.Load.Callers-1)/callersPerConnection)
		if err != nil {
			return nil, err
		}
		return r.Load.run(clients)
	case "leader":
		leader, err := c.leader()
		return map[string]int{"member": leader}, err
	case "await":
		return map[string]int{"member": r.Member}, c.await(r.Member)
	default:
		return nil, fmt.Errorf("%q is none of load, leader, await", r.Command)
	}
}

func (c *cluster) leader() (int, error) {
	for began := time.Now(); time.Since(began) < patience; time.Sleep(retryPause) {
		for member, endpoint := range c.endpoints {
			ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
			status, err := c.all.Status(ctx, endpoint)
			cancel()
			// A member that is down, or busy, is passed over.
			if err == nil && status.Leader == status.Header.MemberId {
				return member, nil
			}
		}
	}
	return 0, fmt.Errorf("no member of %v has led for %v", c.endpoints, patience)
}

func (c *cluster) await(member int) error {
	client, err := c.connectTo(member)
	if err != nil {
		return err
	}
	defer client.Close()
	began := time.Now()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), statusTimeout)
		_, err = client.Get(ctx, key(0))
		cancel()
		if err == nil {
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("%s has not answered for %v: %w", c.endpoints[member], patience, err)
		}
		time.Sleep(retryPause)
	}
}
