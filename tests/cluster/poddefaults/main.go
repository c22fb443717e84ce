// A webhook for comparison: one mutating call a Pod, in which it lists the objects of the Pod's namespace and injects
// what those hold whose selector matches, as Kubeflow's PodDefaults webhook does.
//
// What is the same as in Kubeflow v1.9.2: a call makes a client from the kubeconfig, asks the API server for the resources
// of the group, and lists the objects without a cache; connections are kept. The AdmissionReview and the Pod are decoded
// by the universal deserializer, conflicts are looked for, what is done is logged, and the Pod before and after is
// marshalled for the patch. What is not: the patch is compared by field of metadata and spec, not down to each value, and
// only variables and annotations are injected.
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
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
)

const group, version = "bench.example.org", "v1"

var (
	scheme = runtime.NewScheme()
	codecs = serializer.NewCodecFactory(scheme)
)

// PodDefault is what is injected into the Pods of a namespace that have some labels.
type PodDefault struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		Selector    metav1.LabelSelector `json:"selector"`
		Annotations map[string]string    `json:"annotations"`
		Env         []core.EnvVar        `json:"env"`
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
	for _, add := range []func(*runtime.Scheme) error{admission.AddToScheme, core.AddToScheme} {
		if err := add(scheme); err != nil {
			log.Fatal(err)
		}
	}
	http.HandleFunc("/", func(writer http.ResponseWriter, request *http.Request) { serve(*kubeconfig, writer, request) })
	log.Fatal(http.ListenAndServeTLS(fmt.Sprintf("127.0.0.1:%d", *port), *certificate, *certificate, nil))
}

// connect returns a client, and the resource of the objects as the API server names it.
func connect(kubeconfig string) (*rest.RESTClient, *meta.RESTMapping, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, nil, err
	}
	config.NegotiatedSerializer = codecs.WithoutConversion()
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, nil, err
	}
	discoverer, err := discovery.NewDiscoveryClientForConfigAndClient(config, transport)
	if err != nil {
		return nil, nil, err
	}
	resources, err := discoverer.ServerResourcesForGroupVersion(group + "/" + version)
	if err != nil {
		return nil, nil, err
	}
	versions := []metav1.GroupVersionForDiscovery{{GroupVersion: group + "/" + version, Version: version}}
	mapper := restmapper.NewDiscoveryRESTMapper([]*restmapper.APIGroupResources{{
		Group:              metav1.APIGroup{Name: group, Versions: versions},
		VersionedResources: map[string][]metav1.APIResource{version: resources.APIResources},
	}})
	mapping, err := mapper.RESTMapping(schema.GroupKind{Group: group, Kind: "PodDefault"}, version)
	if err != nil {
		return nil, nil, err
	}
	client, err := rest.UnversionedRESTClientForConfigAndClient(config, transport)
	return client, mapping, err
}

func serve(kubeconfig string, writer http.ResponseWriter, request *http.Request) {
	var review admission.AdmissionReview
	body, err := io.ReadAll(request.Body)
	if err == nil {
		_, _, err = codecs.UniversalDeserializer().Decode(body, nil, &review)
	}
	if err != nil || review.Request == nil {
		http.Error(writer, "this is no AdmissionReview", http.StatusBadRequest)
		return
	}
	response := &admission.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if patch, err := mutate(request.Context(), kubeconfig, review.Request); err != nil {
		response.Allowed, response.Result = false, &metav1.Status{Message: err.Error()}
	} else if patch != nil {
		kind := admission.PatchTypeJSONPatch
		response.Patch, response.PatchType = patch, &kind
	}
	review.Request, review.Response = nil, response
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(review)
}

func mutate(ctx context.Context, kubeconfig string, request *admission.AdmissionRequest) ([]byte, error) {
	log.Print("mutating a Pod")
	var pod core.Pod
	if _, _, err := codecs.UniversalDeserializer().Decode(request.Object.Raw, nil, &pod); err != nil {
		return nil, err
	}
	before := pod.DeepCopy()
	log.Printf("annotations of the Pod: %v", pod.Annotations)
	found, err := matching(ctx, kubeconfig, request.Namespace, pod.Labels)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	log.Printf("%d objects match", len(found))
	for _, each := range found {
		if err := inject(&pod, each); err != nil {
			return nil, err
		}
		log.Printf("injected %s into Pod %s", each.Name, pod.Name)
	}
	return patch(before, &pod)
}

func matching(ctx context.Context, kubeconfig, namespace string, own map[string]string) ([]PodDefault, error) {
	client, mapping, err := connect(kubeconfig)
	if err != nil {
		return nil, err
	}
	raw, err := client.Get().AbsPath("/apis", group, version).Namespace(namespace).Resource(mapping.Resource.Resource).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	log.Printf("listed the objects of namespace %s", namespace)
	var list podDefaults
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	var found []PodDefault
	for _, each := range list.Items {
		selector, err := metav1.LabelSelectorAsSelector(&each.Spec.Selector)
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
