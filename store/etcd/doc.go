// Package etcd keeps everything in an etcd cluster, through [kv.New]: a shop goes on while a minority of the members is
// gone, without a standby and without anybody who promotes one.
//
//	client, err := clientv3.New(clientv3.Config{
//		Endpoints: members, TLS: tls, DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: 3 * time.Second,
//		MaxCallSendMsgSize: 10 << 20,
//	})
//	db, err := etcd.New(ctx, client, etcd.Config{})
//	invoices, err := invoice.New(invoice.Config{Store: kv.New(db), ...})
//
// Connections, TLS and accounts are the client's. The members need --max-txn-ops=32768 and --max-request-bytes=10485760, and
// what OPERATING.md says of quotas and compaction.
//
// # How updates are serializable
//
// Every commit replaces one key, the version, with a random id, and is taken only if the version is still the one that
// everything in it was read under. So nothing that was read can have changed, neither the value of a key, nor a key that was not
// there, nor a range that was scanned. Little is lost by that, because every commit of the core numbers its events with one
// counter anyway. What counts is that the updates of a process share commits: while one is on its way, those that come run
// on a common state, one after the other, and the next commit stores all of them. Several processes take turns as they come;
// whoever was overtaken runs its updates again, and knows from the version which keys others have changed.
//
// A request whose answer is lost is sent again under the same id. The servers can take it only once, and the chain of versions
// tells whether they did. Only when that is not known within Config.Patience does an Update return [ErrUnknown].
//
// # Reads
//
// A View reads the newest revision, which needs a majority, and stays with it; what follows its first read is answered by any
// member that has the revision. Each read of a key is a request, so reads cost what the network costs; only the addresses of
// a block are looked up 500 at a time, and keys of a scan 100 at a time. Values of keys are kept for updates (Config.Cache), and
// are valid because nothing but this package writes under the prefix: who writes there by hand stops all processes first.
package etcd
