package kubernetes

import (
	"encoding/json"
	"time"
)

// What of Kubernetes' objects is used, as JSON. The generated types (k8s.io/api) make the binary longer by 6.5 MB, and with client-go/rest by 7.8.

type meta struct {
	Name                       string            `json:"name,omitempty"`
	Namespace                  string            `json:"namespace,omitempty"`
	UID                        string            `json:"uid,omitempty"`
	ResourceVersion            string            `json:"resourceVersion,omitempty"`
	CreationTimestamp          *time.Time        `json:"creationTimestamp,omitempty"`
	DeletionTimestamp          *time.Time        `json:"deletionTimestamp,omitempty"`
	DeletionGracePeriodSeconds *int64            `json:"deletionGracePeriodSeconds,omitempty"`
	Labels                     map[string]string `json:"labels,omitempty"`
	Annotations                map[string]string `json:"annotations,omitempty"`
	OwnerReferences            []owner           `json:"ownerReferences,omitempty"`
}

type owner struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	UID        string `json:"uid"`
}

type job struct {
	APIVersion string    `json:"apiVersion,omitempty"`
	Kind       string    `json:"kind,omitempty"`
	Metadata   meta      `json:"metadata"`
	Spec       jobSpec   `json:"spec"`
	Status     jobStatus `json:"status,omitzero"`
}

type jobSpec struct {
	BackoffLimit            *int     `json:"backoffLimit,omitempty"`
	Completions             *int     `json:"completions,omitempty"`
	Parallelism             *int     `json:"parallelism,omitempty"`
	PodReplacementPolicy    string   `json:"podReplacementPolicy,omitempty"`
	ActiveDeadlineSeconds   *int64   `json:"activeDeadlineSeconds,omitempty"`
	TTLSecondsAfterFinished *int64   `json:"ttlSecondsAfterFinished,omitempty"`
	Suspend                 *bool    `json:"suspend,omitempty"`
	Template                template `json:"template"`
}

type jobStatus struct {
	Conditions []condition `json:"conditions,omitempty"`
}

type condition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// is gives a condition that holds.
func (j *job) is(kind string) (condition, bool) {
	for _, c := range j.Status.Conditions {
		if c.Type == kind && c.Status == "True" {
			return c, true
		}
	}
	return condition{}, false
}

type template struct {
	Metadata meta    `json:"metadata"`
	Spec     podSpec `json:"spec"`
}

type pod struct {
	Metadata meta      `json:"metadata"`
	Spec     podSpec   `json:"spec"`
	Status   podStatus `json:"status"`
}

type podSpec struct {
	RestartPolicy                 string            `json:"restartPolicy,omitempty"`
	NodeName                      string            `json:"nodeName,omitempty"`
	AutomountServiceAccountToken  *bool             `json:"automountServiceAccountToken,omitempty"`
	EnableServiceLinks            *bool             `json:"enableServiceLinks,omitempty"`
	ServiceAccountName            string            `json:"serviceAccountName,omitempty"`
	TerminationGracePeriodSeconds *int64            `json:"terminationGracePeriodSeconds,omitempty"`
	ActiveDeadlineSeconds         *int64            `json:"activeDeadlineSeconds,omitempty"`
	RuntimeClassName              string            `json:"runtimeClassName,omitempty"`
	PriorityClassName             string            `json:"priorityClassName,omitempty"`
	NodeSelector                  map[string]string `json:"nodeSelector,omitempty"`
	ImagePullSecrets              []named           `json:"imagePullSecrets,omitempty"`
	SecurityContext               *podSecurity      `json:"securityContext,omitempty"`
	InitContainers                []container       `json:"initContainers,omitempty"`
	Containers                    []container       `json:"containers,omitempty"`
	Volumes                       []volume          `json:"volumes,omitempty"`
}

type named struct {
	Name string `json:"name"`
}

type podSecurity struct {
	RunAsNonRoot   bool              `json:"runAsNonRoot"`
	RunAsUser      int64             `json:"runAsUser"`
	RunAsGroup     int64             `json:"runAsGroup"`
	FSGroup        int64             `json:"fsGroup"`
	SeccompProfile map[string]string `json:"seccompProfile"`
}

type containerSecurity struct {
	AllowPrivilegeEscalation bool                `json:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool                `json:"readOnlyRootFilesystem"`
	Capabilities             map[string][]string `json:"capabilities"`
}

type container struct {
	Name                     string             `json:"name"`
	Image                    string             `json:"image"`
	ImagePullPolicy          string             `json:"imagePullPolicy,omitempty"`
	Command                  []string           `json:"command,omitempty"`
	Args                     []string           `json:"args,omitempty"`
	WorkingDir               string             `json:"workingDir,omitempty"`
	Env                      []variable         `json:"env,omitempty"`
	Resources                resources          `json:"resources,omitzero"`
	VolumeMounts             []volumeMount      `json:"volumeMounts,omitempty"`
	SecurityContext          *containerSecurity `json:"securityContext,omitempty"`
	TerminationMessagePath   string             `json:"terminationMessagePath,omitempty"`
	TerminationMessagePolicy string             `json:"terminationMessagePolicy,omitempty"`
}

type variable struct {
	Name  string       `json:"name"`
	Value string       `json:"value,omitempty"`
	From  *valueSource `json:"valueFrom,omitempty"`
}

type valueSource struct {
	Field struct {
		Path string `json:"fieldPath"`
	} `json:"fieldRef"`
}

// ofPod is a variable that has what the cluster says of a pod.
func ofPod(name, path string) variable {
	v := variable{Name: name, From: new(valueSource)}
	v.From.Field.Path = path
	return v
}

type resources struct {
	Requests map[string]string `json:"requests,omitempty"`
	Limits   map[string]string `json:"limits,omitempty"`
}

type volume struct {
	Name     string        `json:"name"`
	EmptyDir *emptyDir     `json:"emptyDir,omitempty"`
	Secret   *secretVolume `json:"secret,omitempty"`
}

type emptyDir struct {
	Medium    string `json:"medium,omitempty"`
	SizeLimit string `json:"sizeLimit,omitempty"`
}

type secretVolume struct {
	SecretName  string       `json:"secretName"`
	DefaultMode int          `json:"defaultMode"`
	Items       []secretItem `json:"items,omitempty"`
}

// secretItem is a part of a Secret, and the file that it is.
type secretItem struct {
	Key  string `json:"key"`
	Path string `json:"path"`
}

type volumeMount struct {
	Name      string `json:"name"`
	MountPath string `json:"mountPath"`
	ReadOnly  bool   `json:"readOnly,omitempty"`
}

type podStatus struct {
	Phase                 string            `json:"phase"`
	Reason                string            `json:"reason"`
	Message               string            `json:"message"`
	StartTime             *time.Time        `json:"startTime"`
	Conditions            []condition       `json:"conditions"`
	InitContainerStatuses []containerStatus `json:"initContainerStatuses"`
	ContainerStatuses     []containerStatus `json:"containerStatuses"`
}

type containerStatus struct {
	Name  string         `json:"name"`
	State containerState `json:"state"`
}

type containerState struct {
	Waiting *struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"waiting"`
	Running *struct {
		StartedAt time.Time `json:"startedAt"`
	} `json:"running"`
	Terminated *terminated `json:"terminated"`
}

type terminated struct {
	ExitCode   int        `json:"exitCode"`
	Signal     int        `json:"signal"`
	Reason     string     `json:"reason"`
	Message    string     `json:"message"`
	StartedAt  *time.Time `json:"startedAt"`
	FinishedAt *time.Time `json:"finishedAt"`
}

type secret struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   meta              `json:"metadata"`
	Type       string            `json:"type"`
	Immutable  bool              `json:"immutable"`
	Data       map[string][]byte `json:"data"`
}

// list is one of objects.
type list[T any] struct {
	Metadata struct {
		ResourceVersion string `json:"resourceVersion"`
		Continue        string `json:"continue"`
	} `json:"metadata"`
	Items []T `json:"items"`
}

// event is one of a watch.
type event struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// status is what the server answers in place of an object.
type status struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Code    int    `json:"code"`
}
