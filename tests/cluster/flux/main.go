// What kstatus, and the health expressions of a Kustomization, make of an object: the question on standard input as
// {"object": …, "expressions": {"inProgress": …, "failed": …, "current": …}}, the answer as {"kstatus": …, "flux": …}.
//
// The expressions are evaluated as Flux does, with its options of CEL and in its order:
// https://github.com/fluxcd/pkg/blob/main/runtime/cel/status_evaluator.go
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type question struct {
	Object      unstructured.Unstructured `json:"object"`
	Expressions struct {
		InProgress string `json:"inProgress"`
		Failed     string `json:"failed"`
		Current    string `json:"current"`
	} `json:"expressions"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	found, err := status.Compute(&asked.Object)
	if err != nil {
		log.Fatal(err)
	}
	health, err := evaluate(asked)
	if err != nil {
		log.Fatal(err)
	}
	answer := map[string]status.Status{"kstatus": found.Status, "flux": health}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		log.Fatal(err)
	}
}

// evaluate returns the health by the expressions; an object whose generation was not observed is not asked about.
func evaluate(asked question) (status.Status, error) {
	content := asked.Object.UnstructuredContent()
	observed, has, err := unstructured.NestedInt64(content, "status", "observedGeneration")
	if err != nil || (has && observed != asked.Object.GetGeneration()) {
		return status.InProgressStatus, err
	}
	for _, each := range []struct {
		expression string
		status     status.Status
	}{
		{asked.Expressions.InProgress, status.InProgressStatus},
		{asked.Expressions.Failed, status.FailedStatus},
		{asked.Expressions.Current, status.CurrentStatus},
	} {
		if holds, err := holds(each.expression, content); err != nil || holds {
			return each.status, err
		}
	}
	return status.InProgressStatus, nil
}

// holds evaluates one expression, which must give a boolean.
func holds(expression string, content map[string]any) (bool, error) {
	env, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(),
		cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Sets(),
		ext.Encoders(),
	)
	if err != nil {
		return false, err
	}
	parsed, issues := env.Parse(expression)
	if issues.Err() != nil {
		return false, issues.Err()
	}
	program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return false, err
	}
	value, _, err := program.Eval(content)
	if err != nil {
		return false, fmt.Errorf("%s: %w", expression, err)
	}
	result, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("%s: no boolean", expression)
	}
	return result, nil
}
