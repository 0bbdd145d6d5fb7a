// What GitOps tools make of an object: reads it as JSON from standard input and prints two lines, the
// verdict of Flux (kstatus, its own library) and that of Argo CD (its own library, with the health
// checks of the argocd-cm ConfigMap that is named).
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	argo "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func healthChecks(file string) lua.ResourceHealthOverrides {
	config := core.ConfigMap{}
	if err := yaml.Unmarshal(must(os.ReadFile(file)), &config); err != nil {
		log.Fatal(err)
	}
	overrides := map[string]argo.ResourceOverride{}
	if err := yaml.Unmarshal([]byte(config.Data["resource.customizations"]), &overrides); err != nil {
		log.Fatal(err)
	}
	return overrides
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: gitops-health ARGOCD-CM.yaml <OBJECT.json")
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(must(io.ReadAll(os.Stdin))); err != nil {
		log.Fatal(err)
	}
	flux := must(status.Compute(object))
	fmt.Printf("Flux: %s: %s\n", flux.Status, flux.Message)
	verdict := must(health.GetResourceHealth(object, healthChecks(os.Args[1])))
	if verdict == nil {
		log.Fatal("Argo CD has no health check for it")
	}
	fmt.Printf("Argo CD: %s: %s\n", verdict.Status, verdict.Message)
}
