// A webhook for comparison: one mutating call a Pod, in which it lists the objects of the Pod's namespace and injects
// what those hold whose selector matches, as Kubeflow's PodDefaults webhook does.
//
// What is the same: the AdmissionReview and the Pod are decoded into the types of k8s.io/api, the objects are listed from
// the API server at each call without a cache, conflicts are looked for, and the Pod before and after is marshalled for
// the patch. What is not: it does not log each request, and it does not limit its own requests.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"reflect"

	admission "k8s.io/api/admission/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const group = "bench.example.org"

// PodDefault is what is injected into the Pods of a namespace that have some labels.
type PodDefault struct {
	meta.ObjectMeta `json:"metadata"`
	Spec            struct {
		Selector    meta.LabelSelector `json:"selector"`
		Annotations map[string]string  `json:"annotations"`
		Env         []core.EnvVar      `json:"env"`
	} `json:"spec"`
}

type podDefaults struct {
	Items []PodDefault `json:"items"`
}

type step struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value"`
}

func main() {
	certificate := flag.String("certificate", "", "file with the serving certificate and its key")
	port := flag.Int("port", 0, "port to serve on")
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig of the API server")
	flag.Parse()
	client, err := connect(*kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) { serve(client, writer, request) })
	log.Fatal(http.ListenAndServeTLS(fmt.Sprintf("127.0.0.1:%d", *port), *certificate, *certificate, nil))
}

func connect(kubeconfig string) (*rest.RESTClient, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	return rest.UnversionedRESTClientFor(config)
}

func serve(client *rest.RESTClient, writer http.ResponseWriter, request *http.Request) {
	var review admission.AdmissionReview
	body, err := io.ReadAll(request.Body)
	if err == nil {
		err = json.Unmarshal(body, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(writer, "this is no AdmissionReview", http.StatusBadRequest)
		return
	}
	response := &admission.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if patch, err := mutate(request.Context(), client, review.Request); err != nil {
		response.Allowed, response.Result = false, &meta.Status{Message: err.Error()}
	} else if patch != nil {
		kind := admission.PatchTypeJSONPatch
		response.Patch, response.PatchType = patch, &kind
	}
	review.Request, review.Response = nil, response
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(review)
}

func mutate(ctx context.Context, client *rest.RESTClient, request *admission.AdmissionRequest) ([]byte, error) {
	var pod core.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return nil, err
	}
	found, err := matching(ctx, client, request.Namespace, pod.Labels)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	changed := pod.DeepCopy()
	for _, each := range found {
		if err := inject(changed, each); err != nil {
			return nil, err
		}
	}
	return patch(&pod, changed)
}

func matching(ctx context.Context, client *rest.RESTClient, namespace string, own map[string]string) ([]PodDefault, error) {
	raw, err := client.Get().AbsPath("/apis", group, "v1", "namespaces", namespace, "poddefaults").DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	var list podDefaults
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var found []PodDefault
	for _, each := range list.Items {
		selector, err := meta.LabelSelectorAsSelector(&each.Spec.Selector)
		if err != nil {
			return nil, err
		}
		if selector.Matches(labels.Set(own)) {
			found = append(found, each)
		}
	}
	return found, nil
}

func inject(pod *core.Pod, from PodDefault) error {
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	for key, value := range from.Spec.Annotations {
		if known, ok := pod.Annotations[key]; ok && known != value {
			return errors.New("the annotation " + key + " is set already")
		}
		pod.Annotations[key] = value
	}
	pod.Annotations[group+"/"+from.Name] = from.ResourceVersion
	for place := range pod.Spec.Containers {
		container := &pod.Spec.Containers[place]
		known := map[string]core.EnvVar{}
		for _, variable := range container.Env {
			known[variable.Name] = variable
		}
		for _, variable := range from.Spec.Env {
			if own, ok := known[variable.Name]; !ok {
				container.Env = append(container.Env, variable)
			} else if !reflect.DeepEqual(own, variable) {
				return errors.New("the variable " + variable.Name + " is set already")
			}
		}
	}
	return nil
}

func patch(before, after *core.Pod) ([]byte, error) {
	var was, now struct {
		Metadata map[string]json.RawMessage `json:"metadata"`
		Spec     map[string]json.RawMessage `json:"spec"`
	}
	for pod, into := range map[*core.Pod]any{before: &was, after: &now} {
		raw, err := json.Marshal(pod)
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			return nil, err
		}
	}
	var steps []step
	for key, value := range now.Metadata {
		if string(was.Metadata[key]) != string(value) {
			steps = append(steps, step{"add", "/metadata/" + key, value})
		}
	}
	for key, value := range now.Spec {
		if string(was.Spec[key]) != string(value) {
			steps = append(steps, step{"add", "/spec/" + key, value})
		}
	}
	return json.Marshal(steps)
}
