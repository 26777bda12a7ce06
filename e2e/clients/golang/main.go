// Command smoke asks a gateway by the client that oapi-codegen makes of its API document: package client, which the test makes
// beside it. It prints what is not as it should be, and ends with 1.
//
//	smoke <address of the gateway> <an administrator's address> <his password>
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/fairway-gateway/fairway/e2e/clients/golang/client"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "smoke <address> <e-mail address> <password>")
		os.Exit(2)
	}
	if err := smoke(ctx, os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
	fmt.Println("smoke: ok")
}

// smoke signs in, lists, creates, changes, and asks wrapped services.
func smoke(ctx context.Context, address, email, password string) error {
	anybody, err := client.NewClientWithResponses(address)
	if err != nil {
		return err
	}
	login, err := anybody.AuthLoginWithResponse(ctx, client.Login{Email: email, Password: password})
	if err != nil {
		return err
	}
	if login.JSON200 == nil {
		return fmt.Errorf("logging in: %d %s", login.StatusCode(), login.Body)
	}
	bearer := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+login.JSON200.AccessToken)
		return nil
	}
	c, err := client.NewClientWithResponses(address, client.WithRequestEditorFn(bearer))
	if err != nil {
		return err
	}
	return errors.Join(users(ctx, c, email), services(ctx, c, email), failures(ctx, anybody, c, email))
}

// users lists, creates and changes.
func users(ctx context.Context, c *client.ClientWithResponses, email string) error {
	page, size, filter := "1", "5", "email='"+email+"'"
	list, err := c.UserListWithResponse(ctx, &client.UserListParams{Page: &page, PerPage: &size, Filter: &filter})
	if err != nil {
		return err
	}
	if list.JSON200 == nil || len(list.JSON200.Data) != 1 || *list.JSON200.Data[0].Email != email || *list.JSON200.Total != 1 {
		return fmt.Errorf("the list of users: %d %s", list.StatusCode(), list.Body)
	}
	country, secret := "Kenya", "Battery-Staple-2"
	made, err := c.UserCreateWithResponse(ctx, nil, client.NewUser{Email: "go@example.org", Name: "Go Client", Country: &country, Password: &secret})
	if err != nil {
		return err
	}
	if made.JSON200 == nil || made.JSON200.Data.Email != "go@example.org" || made.JSON200.Data.Country != country {
		return fmt.Errorf("a new user: %d %s", made.StatusCode(), made.Body)
	}
	id, now := made.JSON200.Data.Id, "Uganda"
	changed, err := c.UserChangeWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, id, nil, client.TrendsPatch{Country: &now})
	if err != nil {
		return err
	}
	if changed.JSON200 == nil || changed.JSON200.Data.Country != now || changed.JSON200.Data.Name != "Go Client" {
		return fmt.Errorf("a merge patch: %d %s", changed.StatusCode(), changed.Body)
	}
	tag := changed.HTTPResponse.Header.Get("ETag")
	var value any = "Rwanda"
	operations := []client.PatchOperation{{Op: client.PatchOperationOpReplace, Path: "/country", Value: &value}}
	changed, err = c.UserChangeWithApplicationJSONPatchPlusJSONBodyWithResponse(ctx, id, &client.UserChangeParams{IfMatch: &tag}, operations)
	if err != nil {
		return err
	}
	if changed.JSON200 == nil || changed.JSON200.Data.Country != "Rwanda" {
		return fmt.Errorf("a JSON Patch: %d %s", changed.StatusCode(), changed.Body)
	}
	changed, err = c.UserChangeWithApplicationJSONPatchPlusJSONBodyWithResponse(ctx, id, &client.UserChangeParams{IfMatch: &tag}, operations)
	if err != nil {
		return err
	}
	if p := changed.ApplicationproblemJSON412; p == nil || p.Status != http.StatusPreconditionFailed {
		return fmt.Errorf("a patch of what is no more: %d %s", changed.StatusCode(), changed.Body)
	}
	return nil
}

// services asks those of the shipped configuration.
func services(ctx context.Context, c *client.ClientWithResponses, email string) error {
	metric, err := c.MetricsGETJobnameMetricWithResponse(ctx, "build", "duration")
	if err != nil {
		return err
	}
	if reply, ok := valueOf(metric.JSON200).(map[string]any); !ok || reply["value"] != 42.0 || reply["jobname"] != "build" {
		return fmt.Errorf("a metric: %d %s", metric.StatusCode(), metric.Body)
	}
	duty, err := c.DutyGETDayWithResponse(ctx, "monday")
	if err != nil {
		return err
	}
	if reply, ok := valueOf(duty.JSON200).(map[string]any); !ok || reply["asked_by"] != email {
		return fmt.Errorf("who is on duty: %d %s", duty.StatusCode(), duty.Body)
	}
	metadata, err := c.DutyMetadataWithResponse(ctx)
	if err != nil {
		return err
	}
	if m := metadata.JSON200; m == nil || m.Name != "duty" || m.Auth != client.MetadataAuthBasic {
		return fmt.Errorf("metadata: %d %s", metadata.StatusCode(), metadata.Body)
	}
	return nil
}

// failures has the shapes of errors decoded.
func failures(ctx context.Context, anybody, c *client.ClientWithResponses, email string) error {
	wrong, err := anybody.AuthLoginWithResponse(ctx, client.Login{Email: email, Password: "not the password"})
	if err != nil {
		return err
	}
	if p := wrong.ApplicationproblemJSON401; p == nil || p.Status != http.StatusUnauthorized || p.Msg == nil || p.RequestId == nil {
		return fmt.Errorf("a wrong password: %d %s", wrong.StatusCode(), wrong.Body)
	}
	nobody, err := c.UserGetWithResponse(ctx, "nobody@example.org", nil)
	if err != nil {
		return err
	}
	if p := nobody.ApplicationproblemJSON404; p == nil || p.Detail == "" || p.Message == nil {
		return fmt.Errorf("nobody: %d %s", nobody.StatusCode(), nobody.Body)
	}
	part, err := c.InventoryGETPartsPartWithResponse(ctx, "B1")
	if err != nil {
		return err
	}
	if p := part.ApplicationproblemJSON502; p == nil || p.StatusCode == nil || *p.StatusCode != http.StatusBadGateway {
		return fmt.Errorf("a backend that fails: %d %s", part.StatusCode(), part.Body)
	}
	part, err = c.InventoryGETPartsPartWithResponse(ctx, "17")
	if err != nil {
		return err
	}
	if p := part.ApplicationproblemJSON400; p == nil || p.Detail == "" {
		return fmt.Errorf("a wrong parameter: %d %s", part.StatusCode(), part.Body)
	}
	denied, err := anybody.DutyGETDayWithResponse(ctx, "monday")
	if err != nil {
		return err
	}
	if p := denied.ApplicationproblemJSON401; p == nil || p.Status != http.StatusUnauthorized {
		return fmt.Errorf("nobody at a service for users: %d %s", denied.StatusCode(), denied.Body)
	}
	return nil
}

// valueOf is what a service without a schema answered.
func valueOf(v *any) any {
	if v == nil {
		return nil
	}
	return *v
}
