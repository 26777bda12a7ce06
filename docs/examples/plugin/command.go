package stanzas

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/fairway-gateway/fairway/proxies/decode"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "stanzas",
		Usage: "[--separator <text>]",
		Short: "Reads stanzas from standard input and prints them as JSON",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.Args = cobra.NoArgs
			separator := cmd.Flags().String("separator", defaultSeparator, "What stands between name and value")
			cmd.RunE = func(cmd *cobra.Command, _ []string) error {
				return convert(cmd, *separator)
			}
		},
	})
}

// maxInput bounds what the subcommand reads.
const maxInput = 64 << 20

func convert(cmd *cobra.Command, separator string) error {
	body, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxInput+1))
	if err != nil {
		return err
	}
	if len(body) > maxInput {
		return fmt.Errorf("the input has more than %d bytes", maxInput)
	}
	out := decode.NewWriter(nil, decode.Limits{})
	if err := (&Decoder{Separator: separator}).Decode(cmd.Context(), &decode.Input{Body: body}, out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", out.Bytes())
	return err
}
