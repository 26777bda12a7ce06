package kubetest

import "time"

// What a kubelet needs to know of objects.

type meta struct {
	Name                       string            `json:"name"`
	Namespace                  string            `json:"namespace"`
	UID                        string            `json:"uid"`
	ResourceVersion            string            `json:"resourceVersion"`
	DeletionTimestamp          *time.Time        `json:"deletionTimestamp"`
	DeletionGracePeriodSeconds *int64            `json:"deletionGracePeriodSeconds"`
	Annotations                map[string]string `json:"annotations"`
}

type pod struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		NodeName                      string      `json:"nodeName"`
		TerminationGracePeriodSeconds *int64      `json:"terminationGracePeriodSeconds"`
		ActiveDeadlineSeconds         *int64      `json:"activeDeadlineSeconds"`
		InitContainers                []container `json:"initContainers"`
		Containers                    []container `json:"containers"`
		Volumes                       []volume    `json:"volumes"`
		SecurityContext               struct {
			RunAsUser  int `json:"runAsUser"`
			RunAsGroup int `json:"runAsGroup"`
			FSGroup    int `json:"fsGroup"`
		} `json:"securityContext"`
	} `json:"spec"`
	Status struct {
		Phase     string     `json:"phase"`
		StartTime *time.Time `json:"startTime"`
	} `json:"status"`
}

type container struct {
	Name    string   `json:"name"`
	Image   string   `json:"image"`
	Command []string `json:"command"`
	Args    []string `json:"args"`
	Dir     string   `json:"workingDir"`
	Env     []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
		From  struct {
			Field struct {
				Path string `json:"fieldPath"`
			} `json:"fieldRef"`
		} `json:"valueFrom"`
	} `json:"env"`
	Resources struct {
		Limits map[string]string `json:"limits"`
	} `json:"resources"`
	VolumeMounts []struct {
		Name      string `json:"name"`
		MountPath string `json:"mountPath"`
		ReadOnly  bool   `json:"readOnly"`
	} `json:"volumeMounts"`
	SecurityContext struct {
		ReadOnlyRootFilesystem bool `json:"readOnlyRootFilesystem"`
	} `json:"securityContext"`
}

type volume struct {
	Name     string `json:"name"`
	EmptyDir *struct {
		Medium    string `json:"medium"`
		SizeLimit string `json:"sizeLimit"`
	} `json:"emptyDir"`
	Secret *struct {
		SecretName  string `json:"secretName"`
		DefaultMode int    `json:"defaultMode"`
		Items       []struct {
			Key  string `json:"key"`
			Path string `json:"path"`
		} `json:"items"`
	} `json:"secret"`
}

// state is that of a container, as a status says it.
type state map[string]any

func waiting(reason, message string) state {
	return state{"waiting": map[string]any{"reason": reason, "message": message}}
}

func running(at time.Time) state {
	return state{"running": map[string]any{"startedAt": at.UTC().Format(time.RFC3339)}}
}

func ended(code int, reason, message string, began, ended time.Time) state {
	return state{"terminated": map[string]any{
		"exitCode": code, "reason": reason, "message": message, "startedAt": began.UTC().Format(time.RFC3339), "finishedAt": ended.UTC().Format(time.RFC3339),
	}}
}
