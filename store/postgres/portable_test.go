package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
	"github.com/wasilibs/go-pgquery/parser"
)

// Portable returns an error for a text of SQL that engines with PostgreSQL's protocol are known to refuse, or that keeps
// a state in the session, which a connection of a pooler does not have. What a text may contain is listed: what is not is
// refused until somebody has looked at it.
func Portable(sql string) error {
	parsed, err := parser.ParseToJSON(sql)
	if err != nil {
		return fmt.Errorf("%w in %s", err, sql)
	}
	var tree struct {
		Stmts []struct{ Stmt map[string]any }
	}
	if err := json.Unmarshal([]byte(parsed), &tree); err != nil {
		return err
	}
	var errs []error
	for _, s := range tree.Stmts {
		c := construct{written: map[string]int{}}
		for kind, node := range s.Stmt {
			c.statement(kind, node.(map[string]any))
		}
		errs = append(errs, c.errs...)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w in %s", err, sql)
	}
	return nil
}

// construct looks at one statement.
type construct struct {
	written map[string]int // how often each table is modified
	errs    []error
}

func (c *construct) refuse(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

func (c *construct) statement(kind string, node map[string]any) {
	switch kind {
	case "SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "CopyStmt", "CreateStmt", "IndexStmt", "TransactionStmt", "AlterTableStmt":
	case "VariableSetStmt":
		name, _ := node["name"].(string)
		if node["is_local"] != true || !slices.Contains([]string{"plan_cache_mode", "lock_timeout"}, name) {
			c.refuse("SET of %s", name)
		}
	default:
		c.refuse("%s", kind)
	}
	c.walk(kind, node, false)
	for table, n := range c.written {
		if n > 1 {
			c.refuse("%d modifications of %s in one statement", n, table)
		}
	}
}

// functions are those that the engines have.
var functions = []string{
	"unnest", "min", "max", "sum", "count", "row_number", "cardinality", "starts_with", "position", "lower", "extract",
	"clock_timestamp", "statement_timestamp", "current_setting", "current_schemas",
}

// walk looks at a node and what is in it. inner means that it is a part of a statement.
func (c *construct) walk(kind string, node map[string]any, inner bool) {
	if inner && node["withClause"] != nil {
		c.refuse("WITH within a query, where it may refer to its surroundings")
	}
	switch kind {
	case "InsertStmt", "UpdateStmt", "DeleteStmt":
		c.written[field(node, "relation", "relname")]++
		if node["onConflictClause"] != nil {
			if on := node["onConflictClause"].(map[string]any); field(on, "infer", "whereClause") != "" {
				c.refuse("ON CONFLICT by a partial index")
			}
		}
	case "SelectStmt", "larg", "rarg": // sides of a union, or of a join
		if node["targetList"] == nil && node["valuesLists"] == nil && node["op"] == "SETOP_NONE" {
			c.refuse("SELECT of nothing")
		}
	case "FuncCall":
		name := names(node["funcname"])
		if !slices.Contains(functions, strings.TrimPrefix(name, "pg_catalog.")) {
			c.refuse("function %s", name)
		}
	case "RangeVar", "relation":
		if node["relpersistence"] == "t" {
			c.refuse("a temporary table")
		}
	case "Constraint":
		if kind := node["contype"]; !slices.Contains([]any{"CONSTR_PRIMARY", "CONSTR_NOTNULL", "CONSTR_IDENTITY", "CONSTR_CHECK", "CONSTR_DEFAULT"}, kind) {
			c.refuse("constraint %v", kind)
		}
	case "AlterTableCmd":
		if node["subtype"] != "AT_AddColumn" {
			c.refuse("ALTER TABLE %v", node["subtype"])
		}
	case "CreateStmt":
		if node["options"] != nil {
			c.refuse("parameters of storage")
		}
	}
	for name, value := range node {
		c.inside(name, value)
	}
}

func (c *construct) inside(name string, value any) {
	switch value := value.(type) {
	case map[string]any:
		c.walk(name, value, true)
	case []any:
		for _, each := range value {
			c.inside(name, each)
		}
	}
}

// field returns a part of a node as a text, or an empty one if there is none.
func field(node map[string]any, path ...string) string {
	var at any = node
	for _, name := range path {
		inner, _ := at.(map[string]any)
		at = inner[name]
	}
	if at == nil {
		return ""
	}
	return fmt.Sprint(at)
}

// names joins the parts of a qualified name.
func names(parts any) string {
	var out []string
	for _, p := range parts.([]any) {
		out = append(out, field(p.(map[string]any), "String", "sval"))
	}
	return strings.Join(out, ".")
}

// scripts are the migrations as engines get them that know no hints of storage.
func scripts(t *testing.T) (out []string) {
	t.Helper()
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, name := range files {
		script, err := fs.ReadFile(migrationFiles, name)
		require.NoError(t, err)
		out = append(out, hints.ReplaceAllString(string(script), ""))
	}
	return out
}

func TestEveryStatementIsOneThatOtherEnginesAccept(t *testing.T) {
	all := append(scripts(t), qPlanOnce, qMigrating, qImpatience, qHasSchema, qMakeSchema, qStepTaken, qLockable)
	for query := range samples() {
		all = append(all, query)
	}
	for _, q := range []invoice.Query{{}, {Ascending: true, After: "x", CreatedAfter: time.Unix(0, 1), CreatedBefore: time.Unix(0, 2)}} {
		query, _ := walkQuery(q)
		all = append(all, query)
	}
	for _, sql := range all {
		require.NoError(t, Portable(sql))
	}
	require.Error(t, Portable(vacuumChanged), "which may be refused")
}

func TestWhatOtherEnginesRefuseIsSeen(t *testing.T) {
	for why, sql := range map[string]string{
		"function pg_advisory_xact_lock":    "SELECT pg_advisory_xact_lock(7)",
		"function pg_notify":                "SELECT pg_notify('a', 'b')",
		"ListenStmt":                        "LISTEN feed",
		"LockStmt":                          "LOCK TABLE cointill_feed",
		"PrepareStmt":                       "PREPARE a AS SELECT 1",
		"CreateTrigStmt":                    "CREATE TRIGGER a BEFORE INSERT ON b FOR EACH ROW EXECUTE FUNCTION c()",
		"SET of plan_cache_mode":            "SET plan_cache_mode = auto",
		"SET of search_path":                "SET LOCAL search_path = a",
		"a temporary table":                 "CREATE TEMP TABLE a (b int)",
		"constraint CONSTR_FOREIGN":         "CREATE TABLE a (b int REFERENCES c)",
		"constraint CONSTR_ATTR_DEFERRABLE": "CREATE TABLE a (b int PRIMARY KEY DEFERRABLE)",
		"parameters of storage":             "CREATE TABLE a (b int) WITH (fillfactor = 10)",
		"ALTER TABLE AT_SetStorage":         "ALTER TABLE a ALTER COLUMN b SET STORAGE MAIN",
		"SELECT of nothing":                 "SELECT 1 WHERE EXISTS (SELECT FROM a)",
		"ON CONFLICT by a partial index":    "INSERT INTO a (b) VALUES (1) ON CONFLICT (b) WHERE b > 0 DO NOTHING",
		"2 modifications of a":              "WITH b AS (UPDATE a SET c = 1 RETURNING c), d AS (UPDATE a SET c = 2) SELECT c FROM b",
		"3 modifications of a":              "WITH b AS (DELETE FROM a), d AS (INSERT INTO a (c) VALUES (2)) UPDATE a SET c = 2",
		"WITH within a query":               "SELECT 1 FROM a CROSS JOIN LATERAL (WITH RECURSIVE b AS (SELECT a.c UNION ALL SELECT b.c + 1 FROM b) SELECT c FROM b) d",
		"WITH within":                       "SELECT (WITH b AS (SELECT 1) SELECT 1 FROM b)",
		"a query, where":                    "SELECT 1 UNION ALL (WITH b AS (SELECT 1) SELECT 1 FROM b)",
		"of nothing":                        "SELECT 1 UNION ALL SELECT FROM b",
		"syntax error":                      "SELEC 1",
	} {
		require.ErrorContains(t, Portable(sql), why, sql)
	}
	require.NoError(t, Portable("WITH a AS (SELECT 1) INSERT INTO b (c) SELECT 1 FROM a UNION ALL SELECT 2"))
	require.NoError(t, Portable("begin isolation level repeatable read read only; commit"))
}

// A row that follows another one by its identity number need not have been written after it.
func TestNothingIsOrderedByIdentityNumbersAlone(t *testing.T) {
	alone := regexp.MustCompile(`ORDER BY (\w\.)?n\b`)
	require.Regexp(t, alone, "SELECT n FROM cointill_free ORDER BY n LIMIT 1")
	for query := range samples() {
		if query != qChangedOf { // whose order is that of the numbers, not that of time
			require.NotRegexp(t, alone, query)
		}
	}
}
